import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./look/tokens.css";
import "./look/fonts.css";
import "./look/base.css";
import { router } from "./routes.tsx";
import { openQueryClient } from "./server/answers.ts";
import { applyLook } from "./state/preferences.ts";

applyLook();
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={openQueryClient()}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
