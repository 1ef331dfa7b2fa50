"""A deterministic simulation: the real service over twins, and a seed that decides what happens."""
