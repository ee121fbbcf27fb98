"""The wind-speed job's Lambda functions: `index`, `analyze`, `reduce`. They need botocore, which boto3 brings."""
