"""`chaos matrix`: the cells of the table measured on a target, as a board; `chaos calibrate`: how far to trust it."""
