"""What is true of a lead update, whoever speaks of it: pure values, no I/O, no clock."""
