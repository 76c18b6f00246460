"""DECLARES: Pulumi components. No SDK client, no file, no clock, no Config() outside settings."""
