"""How losses and metrics read labels, sample weights and class weights."""
