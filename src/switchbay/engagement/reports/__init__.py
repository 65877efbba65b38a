"""What became of offers: counted as it happens, reported by campaign, engagement, hour and day."""
