"""What the body of a CloudWatch dashboard says, as plain data: widgets, lines, labels, and what can't be drawn here.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""
