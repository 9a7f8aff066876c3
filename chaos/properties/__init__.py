"""The ten properties, A to J: what each asks of a measured cell, as pure functions of its record."""
