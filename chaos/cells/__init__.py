"""How each property is measured on a target: a procedure each, which sends, asks and notes, and judges nothing."""
