// Mounts the widgets of a built page from the state that myst-nb embeds: no kernel, network or require.js.
// A classic script, so that it works from file:// too.
(function () {
  "use strict";
  // What a widget may ask of a model, as Backbone has it: several events are one text, "change:a change:b".
  function makeModel(state, key) {
    const data = { ...state, _page: { key, settings: state } };
    const handlers = {};
    const events = (names) => (names ? names.split(/\s+/).filter(Boolean) : Object.keys(handlers));
    const fire = (name, ...given) => (handlers[name] || []).slice().forEach((handler) => handler(...given));
    const model = {
      get: (name) => data[name],
      set(name, value) {
        if (data[name] === value) return;
        data[name] = value;
        fire(`change:${name}`, model, value);
        fire("change", model);
      },
      save_changes() {}, // there is no kernel to save to
      send() {},
      on(names, handler) {
        for (const name of events(names)) (handlers[name] ??= []).push(handler);
      },
      off(names, handler) {
        for (const name of events(names)) {
          handlers[name] = handler ? (handlers[name] || []).filter((other) => other !== handler) : [];
        }
      },
      widget_manager: { get_model: () => Promise.reject(new Error("there is no kernel")) },
    };
    return model;
  }

  // The key of a widget's settings in the page's address: the second of two alike has a number behind it.
  function keyOf(state, taken) {
    const key = state.about?.key;
    const count = (taken.get(key) || 0) + 1;
    taken.set(key, count);
    return count === 1 ? key : `${key}-${count}`;
  }

  async function mount(tag, states, models, modules, taken) {
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
      if (!models.has(id)) models.set(id, makeModel(record.state, keyOf(record.state, taken)));
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
      const models = new Map(), modules = new Map(), taken = new Map();
      for (
        const tag of document.querySelectorAll('script[type="application/vnd.jupyter.widget-view+json"]')
      ) {
        await mount(tag, states, models, modules, taken);
      }
    }
    document.documentElement.dataset.widgetsReady = "1";
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountAll);
  else mountAll();
})();
