"""How to recognize a black and white mask, with hard edges or with edges blurred by smoothing or JPEG."""

# Gray values within this margin of 0 or 255 count as black or white.
MARGIN = 8
# At least this share of the pixels must be black or white.
MIN_SHARE = 0.9
# Gray values from here on are white.
THRESHOLD = 128
