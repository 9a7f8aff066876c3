"""``chaos handler``: inference handlers tested offline, packed, and served; and the gate that experiments have."""
