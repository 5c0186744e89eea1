"""Everything that is wrong with a data folder, found in one pass, and a clean copy without it."""
