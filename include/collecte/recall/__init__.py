"""Find and remove one subject, object or delivery everywhere."""
