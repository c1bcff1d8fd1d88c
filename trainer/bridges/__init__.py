"""Networks inside programs of other libraries. Each module imports its library, and is imported when it is first used."""
