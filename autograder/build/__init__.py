"""Everything that is generated from the solutions and the specs."""
