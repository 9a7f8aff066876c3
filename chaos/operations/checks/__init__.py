"""What must hold of every program, whatever it does: each a pure function of its record, usable alone."""
