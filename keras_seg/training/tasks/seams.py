"""When the seams between touching objects are worth a class of their own."""

# Objects that do not touch have next to no seams, and a class as good as empty would be weighted beyond reason.
FEWEST_SEAMS = 0.005
