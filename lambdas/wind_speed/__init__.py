"""The wind-speed job's Lambda functions: `index`, `analyze`, `reduce`. They need boto3 and nothing else."""
