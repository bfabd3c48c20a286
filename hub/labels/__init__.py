"""What is secret: labels of state secrets, trade secrets and privacy (R31), and whom they hide it from."""
