"""What is done with periods and VAT: one verb each."""
