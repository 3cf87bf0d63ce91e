"""What the paper concludes, as data, and the verdict that a study's own results give on it."""
