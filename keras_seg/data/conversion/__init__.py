"""From the files of label tools and known data sets to a data folder."""
