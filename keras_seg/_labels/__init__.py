"""How labels, sample weights and class weights are read, and ids are counted."""
