"""Programs of operations: drawn, run against a target, recorded, checked, shrunk, and kept to be run again."""
