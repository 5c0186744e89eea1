"""Training one model in several processes, on one machine or on many, by `keras.distribution` on JAX."""
