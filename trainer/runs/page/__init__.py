"""report.html: what a run read, made and scored, on one page that needs nothing else. `document.write_page` writes it."""
