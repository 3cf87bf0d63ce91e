"""How sure: pure functions of arrays."""
