"""What an event costs on its way from a publisher to a handler, beside other task queues on the same Redis."""
