"""What an equalization implementation costs, as ratios measured in one process."""
