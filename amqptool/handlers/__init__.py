"""What a worker does with a delivery."""
