"""What is kept of the predictions out of fold, for each task."""
