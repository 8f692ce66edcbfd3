module pangea.invalid/test-cabi

go 1.25
