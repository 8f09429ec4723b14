"""What a program tells of itself while it runs: metrics, health, spans. It knows neither servers nor handlers."""
