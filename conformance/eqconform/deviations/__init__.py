"""What implementers know to be wrong, kept by them as data: reading, matching, writing."""
