import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** `vite build web` → dist/web. Nothing inline and no data: address, so that `script-src 'self'; font-src 'self'` holds. */
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    manifest: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    target: "es2023",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { port: 7071, proxy: { "/api": "http://127.0.0.1:7070" } },
});
