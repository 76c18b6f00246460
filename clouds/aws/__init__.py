"""AWS through boto3: S3, DynamoDB, CloudWatch. One service a file."""
