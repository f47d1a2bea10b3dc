"""Every public Keras layer and every architecture of keras.applications, side by side with TensorFlow."""
