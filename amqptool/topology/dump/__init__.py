"""From a topology back to text: tidy YAML in shorthand, and RabbitMQ's definitions.json."""
