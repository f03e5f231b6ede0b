"""Cases with their parties and exhibits, and the engagement of members with them."""
