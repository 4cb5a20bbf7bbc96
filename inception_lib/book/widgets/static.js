// Mounts the widgets of a built page from the state that myst-nb embeds: no kernel, no network, no require.js.
// A classic script, so that it works from file:// too.
(function () {
  "use strict";
  function makeModel(state) {
    const data = { ...state, _on_page: true };
    const handlers = {};
    const fire = (name, value) => (handlers[name] || []).slice().forEach((handler) => handler(value));
    return {
      get: (name) => data[name],
      set(name, value) {
        if (data[name] === value) return;
        data[name] = value;
        fire(`change:${name}`, value);
        fire("change");
      },
      save_changes() {},   // there is no kernel to save to
      send() {},
      on(name, handler) { (handlers[name] = handlers[name] || []).push(handler); },
      off(name, handler) {
        for (const key of name ? [name] : Object.keys(handlers)) {
          handlers[key] = handler ? (handlers[key] || []).filter((other) => other !== handler) : [];
        }
      },
      widget_manager: { get_model: () => Promise.reject(new Error("there is no kernel")) },
    };
  }

  async function mount(tag, states, models, modules) {
    const id = JSON.parse(tag.textContent).model_id;
    const record = states[id];
    const el = document.createElement("div");
    tag.before(el);
    if (!record || record.model_module !== "anywidget") {
      el.textContent = "This control needs Python: open the notebook in Jupyter to use it.";
      return;
    }
    try {
      const source = record.state._esm;
      if (!modules.has(source)) {
        modules.set(source, import(URL.createObjectURL(new Blob([source], { type: "text/javascript" }))));
      }
      const style = record.state._css;
      if (style && !modules.has(style)) {
        modules.set(style, true);
        const sheet = document.createElement("style");
        sheet.textContent = style;
        document.head.append(sheet);
      }
      const widget = (await modules.get(source)).default;
      if (!models.has(id)) models.set(id, makeModel(record.state));
      await widget.render({ model: models.get(id), el });
    } catch (error) {
      el.setAttribute("role", "alert");
      el.textContent = `This interactive part could not start: ${error.message}`;
      console.error(error);
    }
  }

  async function mountAll() {
    const state = document.querySelector('script[type="application/vnd.jupyter.widget-state+json"]');
    if (state) {
      const states = JSON.parse(state.textContent).state;
      const models = new Map(), modules = new Map();
      for (const tag of document.querySelectorAll('script[type="application/vnd.jupyter.widget-view+json"]')) {
        await mount(tag, states, models, modules);
      }
    }
    document.documentElement.dataset.widgetsReady = "1";
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountAll);
  else mountAll();
})();
