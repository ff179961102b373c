"""What makes an algorithm of an algorithm: averages, populations, devices."""
