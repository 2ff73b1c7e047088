"""What checks judge by: cases, evidence, the placement of scales, and bounds on rounding."""
