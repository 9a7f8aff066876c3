"""What a matrix leaves and shows: the board on a terminal, matrix.json, junit.xml, the report page with its plots."""
