"""The pure judges: evidence in, verdict and sentence out. One file for each part of the world."""
