"""Every registered op against TensorFlow's own kernel: tables of cases, an exporter, one test an op."""
