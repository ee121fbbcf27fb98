"""What a Task calls: sessions of its role, AWS's services, child executions, tokens and activities, faults."""
