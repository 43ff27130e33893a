// Starts the vendored Swagger UI on our own description; nothing is sent anywhere but here.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null, tryItOutEnabled: true });
