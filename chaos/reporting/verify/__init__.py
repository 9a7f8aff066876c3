"""What a verification leaves and shows: progress, verify.json, junit.xml, summary.md, the page with its pictures."""
