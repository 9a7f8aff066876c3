"""Reports of handlers tested offline: tables and views on a terminal, a page, JUnit, and the document itself."""
