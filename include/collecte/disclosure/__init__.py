"""How identifiable is what would leave: quasi-identifiers, k, rare subjects, generalisation."""
