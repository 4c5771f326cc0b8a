"""The demonstration: real servers, three fictional centres, and what is played before them."""
