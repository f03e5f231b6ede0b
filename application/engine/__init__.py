"""What runs every service and knows none of them."""
