// Keyboard shortcut of the sample page: "r" loads it again, which is what one does to watch traffic move.
document.addEventListener("keydown", (event) => {
	if (event.key === "r" && !(event.metaKey || event.ctrlKey || event.altKey) && event.target === document.body)
		location.reload();
});
